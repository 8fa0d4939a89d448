export default view(() => {});
